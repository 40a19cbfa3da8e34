// SPDX-License-Identifier: Apache-2.0
/**
 * The common parts of all script languages that the running kernel judges: runs of random scripts, the search for the
 * shortest script that still shows a difference, scripts in files, and the tally of the kernel's answers. A {@link
 * dev.samara.testing.live.Language} contains the grammar, the weights and the comparison.
 */
@NullMarked
package dev.samara.testing.live;

import org.jspecify.annotations.NullMarked;
