package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"sallyport/identity"
)

// decodeClaims reads one JSON object. An object that says the same name twice is
// refused at any depth: readers differ in which of the two they believe.
func decodeClaims(payload []byte) (identity.Claims, error) {
	if !json.Valid(payload) {
		return nil, errors.New("claims are not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	value, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("claims are not a JSON object")
	}
	return object, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, errors.New("claims are not JSON")
	}
	delim, ok := token.(json.Delim)
	switch {
	case !ok:
		return scalar(token)
	case depth >= maxClaimNesting:
		return nil, fmt.Errorf("claims are nested deeper than %d", maxClaimNesting)
	case delim == '{':
		return decodeObject(d, depth+1)
	}
	list := []any{}
	for d.More() {
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err = d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, depth int) (map[string]any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("claims are not JSON")
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("claim %q is there twice", clip(name, 64))
		}
		value, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		object[name] = value
	}
	_, err := d.Token()
	return object, err
}

func scalar(token json.Token) (any, error) {
	literal, isNumber := token.(json.Number)
	if !isNumber {
		return token, nil
	}
	n, ok := identity.Number(string(literal))
	if !ok {
		return nil, errors.New("claims hold a number that is too large")
	}
	return n, nil
}
