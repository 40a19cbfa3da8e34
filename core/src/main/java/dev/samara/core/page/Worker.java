// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import dev.samara.core.rcu.RcuReader;

/**
 * What a thread needs to work on pages: a reader word and a magazine. Used by one thread at a time.
 *
 * @param reader its reader word
 * @param magazine its frames
 */
public record Worker(RcuReader reader, Magazine magazine) {}
