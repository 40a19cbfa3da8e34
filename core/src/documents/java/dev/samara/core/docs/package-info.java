// SPDX-License-Identifier: Apache-2.0
/**
 * Checks of documents and of sources: the tables in {@code docs}, the names and imports of the modules, and the
 * modes in which shared words are accessed.
 */
@NullMarked
package dev.samara.core.docs;

import org.jspecify.annotations.NullMarked;
