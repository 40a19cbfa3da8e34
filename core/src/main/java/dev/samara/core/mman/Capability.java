// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The privileges ({@code capabilities(7)}) that memory calls check. A space has the privileges that its embedder
 * grants.
 */
public enum Capability {
    /** {@code CAP_IPC_LOCK}: lock memory without limit. */
    IPC_LOCK,
    /**
     * {@code CAP_SYS_RAWIO}: map below {@code mmap_min_addr}, the lowest address that a space without this privilege
     * may map.
     */
    SYS_RAWIO
}
