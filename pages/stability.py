from app.stability import page
from app.stability.quadratic import drag_a_quadratic

view, lecture = page.header()
if view == "quadratic":
    drag_a_quadratic(lecture=lecture)
