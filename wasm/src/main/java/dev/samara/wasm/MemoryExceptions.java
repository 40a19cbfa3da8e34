// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

/**
 * Makes the exceptions that a memory throws: those that the runtime of its instance catches. Called only when an access
 * or a call has failed.
 */
public interface MemoryExceptions {
    /**
     * Returns an exception for an access outside the memory, or to a page that the access may not use or that the
     * machine has no memory for.
     *
     * @param message {@code out of bounds memory access} or {@code out of memory}, and where
     * @return the exception
     */
    RuntimeException outOfBounds(String message);

    /**
     * Returns an exception for an atomic access whose address is not a multiple of its size, and for a wait on a memory
     * that is not shared.
     *
     * @param message what failed, and where
     * @return the exception
     */
    RuntimeException trap(String message);

    /**
     * Returns an exception for a thread that was interrupted while it waited.
     *
     * @return the exception
     */
    RuntimeException interrupted();

    /**
     * Returns an exception for a failure of the machine, and for a memory that it does not allow.
     *
     * @param message what failed
     * @return the exception
     */
    RuntimeException failed(String message);
}
