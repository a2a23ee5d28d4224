package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "leadcapture.example/tour/leadcapturev1"
)

// client is the generated clients, on one connection.
type client struct {
	leads         pb.LeadServiceClient
	conversations pb.ConversationServiceClient
	// tenantID is the tenant that requests name; empty with a token that is bound to one.
	tenantID   string
	connection *grpc.ClientConn
}

// connect prepares a client. It connects with the first call; https means TLS.
//
// The service config has deadlines, repeats and balancing for every method. It repeats calls: a request that changes something
// needs a request_id. Versions of grpc-go before 1.40 repeat only with GRPC_GO_RETRY=on in the environment.
func connect(address, token, tenantID, serviceConfig string) (*client, error) {
	parts, err := url.Parse(address)
	if err != nil || parts.Host == "" || (parts.Scheme != "http" && parts.Scheme != "https") {
		return nil, problem{"LEADCAPTURE_SERVER is not an address like http://127.0.0.1:50051: " + address}
	}
	options := []grpc.DialOption{grpc.WithDefaultServiceConfig(serviceConfig)}
	if parts.Scheme == "https" {
		config, err := tlsFromEnvironment()
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	} else {
		options = append(options, grpc.WithInsecure())
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	// The scheme makes the client ask for all addresses of the name and use them in turn.
	connection, err := grpc.Dial("dns:///"+parts.Host, options...)
	if err != nil {
		return nil, problem{err.Error()}
	}
	return &client{
		leads:         pb.NewLeadServiceClient(connection),
		conversations: pb.NewConversationServiceClient(connection),
		tenantID:      tenantID,
		connection:    connection,
	}, nil
}

// tlsFromEnvironment trusts the authorities in LEADCAPTURE_CA, or the system's, and shows the certificate in LEADCAPTURE_CERT, if any.
func tlsFromEnvironment() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := os.Getenv("LEADCAPTURE_CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, problem{"LEADCAPTURE_CA: " + err.Error()}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, problem{"LEADCAPTURE_CA: " + file + " holds no certificate in PEM"}
		}
	}
	if file := os.Getenv("LEADCAPTURE_CERT"); file != "" {
		certificate, err := tls.LoadX509KeyPair(file, os.Getenv("LEADCAPTURE_KEY"))
		if err != nil {
			return nil, problem{"LEADCAPTURE_CERT, LEADCAPTURE_KEY: " + err.Error()}
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

func (c *client) close() {
	// Nothing is left to do if the connection is gone already.
	_ = c.connection.Close()
}

// bearer is the token that is sent with every request.
type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

// RequireTransportSecurity is false because a server on the same machine may have no TLS.
func (bearer) RequireTransportSecurity() bool {
	return false
}
