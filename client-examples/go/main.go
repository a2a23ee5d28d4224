// The tour of the API on the generated Go client: one customer from first contact to won, with deadlines, safe repeats, and
// errors told apart by their reason. The examples in the other languages do the same and print the same lines.
//
//	LEADCAPTURE_SERVER          address of the gRPC server (http://127.0.0.1:50051)
//	LEADCAPTURE_TOKEN           token to send; none if not set
//	LEADCAPTURE_TENANT          id of the tenant; not needed with a token that is bound to one
//	LEADCAPTURE_SERVICE_CONFIG  the gRPC service config (../service-config.json)
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	address := variable("LEADCAPTURE_SERVER", "http://127.0.0.1:50051")
	if err := run(address); err != nil {
		fmt.Fprintln(os.Stderr, explain(err, address))
		os.Exit(1)
	}
}

func run(address string) error {
	config, err := os.ReadFile(variable("LEADCAPTURE_SERVICE_CONFIG", "../service-config.json"))
	if err != nil {
		return problem{err.Error()}
	}
	c, err := connect(address, os.Getenv("LEADCAPTURE_TOKEN"), os.Getenv("LEADCAPTURE_TENANT"), string(config))
	if err != nil {
		return err
	}
	defer c.close()
	return tell(context.Background(), c)
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
