"""Small servers on the loopback interface that speak the protocols of the outside systems."""
