"""What deploys together: the network, what keeps state, the migrations, what computes, the edge."""
