package customer

// Places are the branches and the merchants with offers (D1).
type Places struct{}
