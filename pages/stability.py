from app.stability import page
from app.stability.quadratic import drag_a_quadratic
from app.stability.real_layers import real_layers
from app.stability.whole_network import whole_network

state = page.header()
if state.view == page.QUADRATIC:
    drag_a_quadratic(lecture=state.lecture)
elif state.view == page.LAYERS:
    real_layers(state)
else:
    whole_network(state)
state.leave()
