// Package internal holds tests about the tree as a whole: who may import whom.
package internal
