package config

var autocertKeys = []key[globals]{
	works("autocert", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.Enabled },
		"certificates by ACME are not made by this version").status(NotSupported, "give certificates by files and renew them with an ACME client; changed files are read again"),
	works("autocert_ca", textKind, func(g *globals) *string { return &g.Listen.Autocert.CA }, needsAutocert).status(NoEffect, ""),
	works("autocert_email", textKind, func(g *globals) *string { return &g.Listen.Autocert.Email }, needsAutocert).status(NoEffect, ""),
	works("autocert_use_staging", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.Staging }, needsAutocert).status(NoEffect, ""),
	works("autocert_dir", textKind, func(g *globals) *string { return &g.Listen.Autocert.Dir }, needsAutocert).status(NoEffect, ""),
	works("autocert_must_staple", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.MustStaple }, needsAutocert).status(NoEffect, ""),
	works("autocert_eab_key_id", textKind, func(g *globals) *string { return &g.Listen.Autocert.EABKeyID }, needsAutocert).status(NoEffect, ""),
	works("autocert_eab_mac_key", textKind, func(g *globals) *string { return &g.Listen.Autocert.EABMACKey }, needsAutocert).status(NoEffect, "").secret(),
	works("autocert_trusted_ca", caKind, func(g *globals) *[]byte { return &g.Listen.Autocert.TrustedCA }, needsAutocert).status(NoEffect, "").file(),
}

const needsAutocert = "it is part of autocert, which is not supported yet"
