// Package features holds the end-to-end tests of what customers are promised:
// one for each row of the features A, C, D1, D3 and D4, through the real API,
// journal and simulated banks over TCP.
package features
