// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

/** Frees pages of one file even if they are mapped, for an access that finds no free frame. Waits for no lock. */
@FunctionalInterface
public interface UrgentEviction {
    /**
     * Visits the next pages.
     *
     * @param isRetry whether to retry pages that could not be freed before; true in the first call of each round
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if another thread
     *     changes the file
     */
    int evict(boolean isRetry);
}
