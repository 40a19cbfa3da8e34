// SPDX-License-Identifier: Apache-2.0
/**
 * What the languages of scripts share that the running kernel judges, whatever their steps are: runs of random scripts,
 * the search for the shortest script that still differs, scripts in files, and the tally of what the kernel answered.
 * A {@link dev.samara.testing.live.Language} has the grammar, the weights and the comparison.
 */
@NullMarked
package dev.samara.testing.live;

import org.jspecify.annotations.NullMarked;
