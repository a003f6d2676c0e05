import torch
from quire.rng import generator as g
from quire.rainbow import *
from quire.scattering import *
from quire.mechanics import best_rotation
def n(*s,k=0): return torch.randn(*s,generator=g("agree",k),dtype=torch.float64)
def rel(a,b): return float((a.cpu()-b.cpu()).abs().max()/b.abs().max())
c="cuda"
x,y=n(60,90),n(60,70,k=1)
print("alignment", rel(alignment_distance(x.to(c),y.to(c)),alignment_distance(x,y)), "kernel", rel(kernel_distance(x.to(c),y.to(c)),kernel_distance(x,y)))
ws=[n(40,20),n(30,40,k=1),n(5,30,k=2)]; inp=n(200,20,k=3)
a=sample_rainbow(ws,inp,draws=2,generator=g("r")); b=sample_rainbow([w.to(c) for w in ws],inp.to(c),draws=2,generator=g("r"))
print("rainbow", rel(features_of(b.weights,inp.to(c))[-1],features_of(a.weights,inp)[-1]))
bank=morlet_bank(32,scales=3,angles=4); im=n(4,32,32)
print("scattering", rel(scattering(im.to(c),bank.to(c)),scattering(im,bank)))
for k in NONLINEARITIES:
    net=ScatteringNet(side=16,in_channels=3,channels=[8,16],strides=[2,2],num_classes=10,nonlinearity=k,generator=g("n")).double(); X=n(16,3,16,16)
    o=net(X); o.square().sum().backward(); gr=[p.grad.clone() for p in net.parameters()]
    net2=ScatteringNet(side=16,in_channels=3,channels=[8,16],strides=[2,2],num_classes=10,nonlinearity=k,generator=g("n")).double().to(c); o2=net2(X.to(c)); o2.square().sum().backward()
    print(k, rel(o2.detach(),o.detach()), max(rel(p.grad,q) for p,q in zip(net2.parameters(),gr)))
from quire.experiments.phase_collapse import learned_cells
import time
for d in ("cpu","cuda"):
    t=time.time(); print(d, learned_cells.learned(images="digits",train_images=1297,nonlinearity="modulus",channels=[16,32],strides=[1,2],epochs=10,learning_rate=.1,seed=0,device=d), round(time.time()-t,1))
