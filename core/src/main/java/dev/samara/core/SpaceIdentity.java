// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/**
 * A reference to the identity of a space, the weakest of the three kinds: its number, its name, its charge, the record
 * of its end, and one object of the embedder. It remains usable after the end of the space, as a process table needs
 * it. It keeps neither mappings nor page tables alive, and delays nothing.
 *
 * <p>{@link AddressSpace#grab} and {@link PageTableRef#grab} return it. Any thread may call all methods at any time,
 * even in GUEST, in callbacks and after this reference is closed; none waits or takes a lock.
 */
@Experimental
public final class SpaceIdentity implements AutoCloseable {
    private final Identity identity;
    private final SpaceReferences.Entry entry;

    /** Takes over a reference that the caller acquired. */
    private SpaceIdentity(SpaceReferences references, Identity identity) {
        this.identity = identity;
        entry = references.add(this, identity);
    }

    /** Acquires a reference. The caller holds one of a stronger kind, unless another thread closes it concurrently. */
    static SpaceIdentity grab(SpaceReferences references, Identity identity) {
        SpaceIdentity grabbed = tryGrab(references, identity);
        if (grabbed == null) {
            throw new MmException("grab", Errno.ESRCH);
        }
        return grabbed;
    }

    /** Acquires a reference; returns null if the last reference to the identity is gone. */
    static @Nullable SpaceIdentity tryGrab(SpaceReferences references, Identity identity) {
        StackReserve.check(SpaceReferences.DEPTH);
        if (!identity.tryGrab()) {
            return null;
        }
        try {
            return new SpaceIdentity(references, identity);
        } catch (Throwable thrown) {
            identity.drop();
            throw thrown;
        }
    }

    /**
     * Returns the number of the space on its machine.
     *
     * @return positive; no other space of the machine ever has this number
     */
    public long number() {
        return identity.number();
    }

    /**
     * Returns the name of the space.
     *
     * @return the name that was passed to its {@linkplain AddressSpaceBuilder#name builder}; null if there was none
     */
    public @Nullable String name() {
        return identity.name;
    }

    /**
     * Returns the amount that the space has charged against the machine's commit limit.
     *
     * @return bytes; 0 after the end of the space
     */
    public long charged() {
        return identity.charged();
    }

    /**
     * Returns the record of the end of the space.
     *
     * @return the record; null until the last user is gone and the teardown has started
     */
    public @Nullable ExitRecord exit() {
        return (ExitRecord) identity.exit();
    }

    /**
     * Returns the object that was attached last.
     *
     * @return the object, or null
     */
    public @Nullable Object attachment() {
        return identity.attachment();
    }

    /**
     * Attaches an object of the embedder, in place of an earlier one. Once the space has ended and the last reference
     * to the identity is closed, the object is no longer reachable from here, and a later call has no effect.
     *
     * @param object any object, or null
     */
    public void attach(@Nullable Object object) {
        identity.attach(object);
    }

    /** Releases this reference (drop). A second call does nothing. */
    @Override
    public void close() {
        StackReserve.check(SpaceReferences.DEPTH);
        if (entry.end()) {
            identity.drop();
        }
    }

    /** Returns the number and the name of the space as text, and whether the space has ended. */
    @Override
    public String toString() {
        return "space " + identity.number() + (identity.name == null ? "" : " " + identity.name)
                + (identity.exit() == null ? "" : ", ended");
    }
}
