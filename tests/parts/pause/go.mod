module crokodial.com/local-cluster/pause

go 1.26.0
