// SPDX-License-Identifier: Apache-2.0
/**
 * The key-value store of the examples next to that of the H2 database: {@code StoresReport} is a program of its own.
 */
@NullMarked
package dev.samara.bench.store;

import org.jspecify.annotations.NullMarked;
