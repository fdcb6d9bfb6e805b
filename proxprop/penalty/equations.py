"""The equation of every stage in LaTeX, keyed as in ``Stage.equation``.

``n`` is the number of affine layers (the paper's L − 1), η the step size, τ the proximal one.
"""

from types import MappingProxyType

EQUATIONS = MappingProxyType(
    {
        "forward_z": r"z_l^k = \varphi(\theta_l^k, a_{l-1}^k)",
        "forward_a": r"a_l^k = \sigma(z_l^k)",
        "loss": r"J = L_y(\varphi(\theta_n^k, a_{n-1}^k)), \quad E = J",
        "a_half_top": (
            r"a_{n-1}^{1/2} = a_{n-1}^k"
            r" - \eta\, \nabla_{a_{n-1}} L_y(\varphi(\theta_n^k, a_{n-1}^k))"
        ),
        "a_half": (
            r"a_{l-1}^{1/2} = a_{l-1}^k - \eta\, \nabla_{a_{l-1}}"
            r" \tfrac{\rho}{2} \| \varphi(\theta_l^k, a_{l-1}^k) - z_l^{1/2} \|^2"
        ),
        "z_half": (
            r"z_l^{1/2} = z_l^k - \eta\, \nabla_{z_l}"
            r" \tfrac{\gamma}{2} \| \sigma(z_l^k) - a_l^{1/2} \|^2"
        ),
        "z_half_top": r"z_n^{1/2} = z_n^k - \eta\, \nabla_{z_n} L_y(z_n^k)",
        "theta_explicit_top": (
            r"\theta_n^+ = \theta_n^k - \eta\, \nabla_{\theta_n}"
            r" L_y(\varphi(\theta_n^k, a_{n-1}^k))"
        ),
        "theta_explicit": (
            r"\theta_l^+ = \theta_l^k - \eta\, \nabla_{\theta_l}"
            r" \tfrac{\rho}{2} \| \varphi(\theta_l^k, a_{l-1}^k) - z_l^{1/2} \|^2"
        ),
        "theta_implicit": (
            r"\theta_l^+ = \operatorname{argmin}_\theta"
            r" \, \tfrac12 \| \varphi(\theta, a_{l-1}^k) - z_l^{1/2} \|^2"
            r" + \tfrac{1}{2\tau} \| \theta - \theta_l^k \|^2"
        ),
        "cg_iteration": (
            r"C_j (\tilde A^\top \tilde A + \tfrac1\tau I)"
            r" \approx (z_l^{1/2} - z_l^k)^\top \tilde A, \quad \theta_l = \theta_l^k + C_j"
        ),
    }
)
