// SPDX-License-Identifier: Apache-2.0
/**
 * Checks of class files: the order of packages, the modes in which shared words are accessed, and the locks that a
 * method holds; and of each public method, whether it waits.
 */
@NullMarked
package dev.samara.core.docs;

import org.jspecify.annotations.NullMarked;
