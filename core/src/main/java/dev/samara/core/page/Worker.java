// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import dev.samara.core.rcu.RcuReader;

/**
 * What a thread needs to work on pages. Used by one thread at a time.
 *
 * @param reader its reader word
 * @param magazine its frames
 * @param owner what entries name that it is at
 */
public record Worker(RcuReader reader, Magazine magazine, int owner) {}
