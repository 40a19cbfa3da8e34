// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

/**
 * What an {@link InstanceCheckpoint} keeps of one instance besides its memories, if images can be saved of it. For the
 * class of a runtime, whose {@link InstanceState} returns it. {@link #run} puts the state back; the other methods read
 * what was saved, whatever has happened to the instance since, on any thread.
 */
public interface SavedInstance extends Runnable {
    /**
     * Returns the digest of the instance's module.
     *
     * @return the digest, which an image must have to be opened
     */
    String digest();

    /**
     * Returns the values of the instance's own globals, tables and segments at the checkpoint.
     *
     * @return the values
     * @throws IllegalArgumentException if there is one that cannot be saved
     */
    InstanceValues values();
}
