"""The only code that speaks to a Kubernetes API server: session, watch, objects, patch, reviews, events, lease.

Objects are the plain dictionaries that their JSON is: typed models of them cost more memory than the whole control
plane. `kubernetes` itself is loaded only while a kubeconfig is read. Used by the control plane's services and by the
client's cluster commands; what each of them may do there is `needs`'s table.
"""
