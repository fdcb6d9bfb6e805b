from app.stability import page
from app.stability.layers import real_layers
from app.stability.network import whole_network
from app.stability.quadratic import drag_a_quadratic

view, lecture = page.header()
if view == page.QUADRATIC:
    drag_a_quadratic(lecture=lecture)
elif view == page.LAYERS:
    real_layers(lecture=lecture)
else:
    whole_network(lecture=lecture)
