// SPDX-License-Identifier: Apache-2.0
/** Compares the examples' key-value store with that of the H2 database; {@code StoresReport} is a separate program. */
@NullMarked
package dev.samara.bench.store;

import org.jspecify.annotations.NullMarked;
