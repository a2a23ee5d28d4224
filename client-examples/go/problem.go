package main

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// problem is a failure that ends the program, in words for the person at the terminal.
type problem struct {
	message string
}

func (p problem) Error() string {
	return p.message
}

func unexpected(expected string) error {
	return problem{"The tour expected " + expected + "."}
}

// reason is the reason of a failed call, what a program decides by; empty if there is none.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// badFields is the fields that a request was refused for.
func badFields(err error) []string {
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range request.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
		}
	}
	return fields
}

// explain tells what a failure means for the person at the terminal.
func explain(err error, address string) string {
	refused, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	why := reason(err)
	switch {
	case refused.Code() == codes.Unauthenticated:
		return fmt.Sprintf("The server at %s wants a valid token: set LEADCAPTURE_TOKEN.", address)
	case refused.Code() == codes.Unavailable && why == "":
		return fmt.Sprintf("No leadcapture server answers at %s. Start it with `make run` in another terminal and try again.", address)
	case refused.Code() == codes.DeadlineExceeded && why == "":
		return fmt.Sprintf("The server at %s did not answer in time. Try again; if that does not help, look at its log.", address)
	case why == "":
		why = refused.Code().String()
	}
	return fmt.Sprintf("The server refused a request: %s (%s)", refused.Message(), why)
}
