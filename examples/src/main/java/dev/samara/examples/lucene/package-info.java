// SPDX-License-Identifier: Apache-2.0
/**
 * A directory of Lucene whose files are host files of a machine. Unlike the programs of {@code examples.jar}, it needs
 * Lucene.
 */
@NullMarked
package dev.samara.examples.lucene;

import org.jspecify.annotations.NullMarked;
