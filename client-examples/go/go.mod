module leadcapture.example/tour

go 1.19

require (
	github.com/google/uuid v1.3.0
	google.golang.org/genproto v0.0.0-20200526211855-cb27e3aa2013
	google.golang.org/grpc v1.33.3
	google.golang.org/protobuf v1.28.1
)
