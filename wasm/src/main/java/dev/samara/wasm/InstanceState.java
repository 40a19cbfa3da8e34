// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

/**
 * State outside the memories of an instance, which an {@link InstanceCheckpoint} saves with them: what a function of
 * the host keeps between two calls, e.g. open files or the state of a random number generator.
 */
@FunctionalInterface
public interface InstanceState {
    /**
     * Saves the state. Called once by each checkpoint, on the thread that makes it.
     *
     * @return puts the saved state back, each time it is run, on the thread that restores. If it throws, the memories
     *     of the instance are closed; it need not undo anything then
     */
    Runnable save();
}
