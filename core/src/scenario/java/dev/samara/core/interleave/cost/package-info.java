// SPDX-License-Identifier: Apache-2.0
/**
 * Counts costs for which measured times would mean little: the words that threads of one space share, taken from the
 * steps of a run, and the steps of calls that affect many mappings.
 */
@NullMarked
package dev.samara.core.interleave.cost;

import org.jspecify.annotations.NullMarked;
