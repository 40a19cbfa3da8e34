// SPDX-License-Identifier: Apache-2.0
/**
 * The language of files: random scripts of opens, mappings, accesses and changes by another program, which the library
 * and the running kernel both make. After each step the results, the sizes and the host's files are compared; in some
 * scripts also all that mappings and reads show. {@link dev.samara.core.live.file.LiveFilesTest} runs them.
 */
@NullMarked
package dev.samara.core.live.file;

import org.jspecify.annotations.NullMarked;
