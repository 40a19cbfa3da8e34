// SPDX-License-Identifier: Apache-2.0
/**
 * What is counted because a time would say little: the shared words that transitions of CPUs write, by the steps of a
 * run, and the steps of calls over many mappings.
 */
@NullMarked
package dev.samara.core.interleave.cost;

import org.jspecify.annotations.NullMarked;
