"""Contenders: caching libraries as their documentation has them used. They are served only with `LAB_CONTENDERS`."""
