"""Sample microservices that ship with cloudlet."""
