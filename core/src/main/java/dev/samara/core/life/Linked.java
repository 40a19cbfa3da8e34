// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.life;

/** What an attached VMA is linked to besides its space: the reverse map of its backing's pages. */
@FunctionalInterface
public interface Linked {
    /** Unlinks it. Called once, when nothing of its pages is left. */
    void unlink();
}
