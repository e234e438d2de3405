class Vestibule:
    pass
