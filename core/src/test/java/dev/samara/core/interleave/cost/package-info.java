// SPDX-License-Identifier: Apache-2.0
/** What transitions of CPUs cost: the shared words that they write, counted by the steps of a run. */
@NullMarked
package dev.samara.core.interleave.cost;

import org.jspecify.annotations.NullMarked;
