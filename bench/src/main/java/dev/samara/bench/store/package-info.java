// SPDX-License-Identifier: Apache-2.0
/**
 * Compares the examples' key-value store with that of the H2 database, and their directory of Lucene with Lucene's own;
 * {@code StoresReport} and {@code LuceneReport} are separate programs.
 */
@NullMarked
package dev.samara.bench.store;

import org.jspecify.annotations.NullMarked;
