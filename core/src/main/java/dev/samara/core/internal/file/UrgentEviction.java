// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

/** Frees pages of one file though they are mapped, for an access that finds no frame. Waits for no lock. */
@FunctionalInterface
public interface UrgentEviction {
    /**
     * Goes over the next pages.
     *
     * @param isRetry whether pages that could not be freed before are tried again: the first call of each round
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if another thread
     *     changes the file
     */
    int evict(boolean isRetry);
}
