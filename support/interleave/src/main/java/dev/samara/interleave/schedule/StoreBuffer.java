// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The stores of one thread that other threads do not see yet, in order. Plain, opaque and release stores wait here
 * until the thread performs a volatile store, a read-modify-write, a full fence or a blocking call, or until the
 * scheduler runs this buffer's own thread, which performs one store at a time. A volatile load does not empty the
 * buffer, because the memory model lets it overtake a release store. The thread's own loads see its stores.
 */
final class StoreBuffer {
    /** The name of the buffer's location. Preemptions are always tried before its steps. */
    static final String NAME = "buffer";

    /**
     * A waiting store.
     *
     * @param arguments the coordinates and the value
     */
    private record Store(VarHandle handle, List<@Nullable Object> arguments, Access access) {
        boolean isTo(@Nullable Object base, int index, @Nullable String name) {
            return access.base() == base
                    && (index < 0 || access.index() == index)
                    && (name == null || name.equals(access.name()));
        }

        @Nullable
        Object value() {
            return arguments.get(arguments.size() - 1);
        }
    }

    private final SteppedThread owner;
    private final Deque<Store> stores = new ArrayDeque<>();
    private @Nullable SteppedThread drainer;

    StoreBuffer(SteppedThread owner) {
        this.owner = owner;
    }

    boolean isEmpty() {
        return stores.isEmpty();
    }

    void add(VarHandle handle, Object[] arguments, Access access) {
        stores.add(new Store(handle, Arrays.asList(arguments), access));
        if (drainer == null) {
            drainer = new SteppedThread(owner.run0(), this::drainOneByOne, owner.getName() + "-stores");
            drainer.ready = () -> !stores.isEmpty();
            drainer.start();
        }
    }

    private void drainOneByOne() {
        SteppedThread self = (SteppedThread) Thread.currentThread();
        while (true) {
            Access access = new Access(Access.Kind.WRITE, this, -1, NAME, "drain", owner.getName());
            self.run0().reach(self, access, () -> !stores.isEmpty(), SteppedThread.NEVER, "a store");
            drainFirst();
        }
    }

    private void drainFirst() {
        Store first = stores.remove();
        owner.run0().noteStore(owner, first.access());
        Steps.invoke(first.handle(), VarHandle.AccessMode.SET, first.arguments().toArray());
    }

    void drain() {
        while (!stores.isEmpty()) {
            drainFirst();
        }
    }

    /** Empties the buffer if it contains a store to a location that is now accessed without a VarHandle. */
    void drainIfTo(@Nullable Object base, int index, @Nullable String name) {
        for (Store store : stores) {
            if (store.isTo(base, index, name)) {
                drain();
                return;
            }
        }
    }

    /** Returns the value of the youngest store to a location in an array, or null if there is no such store. */
    @Nullable
    Object @Nullable [] youngest(VarHandle handle, Object[] coordinates) {
        Iterator<Store> youngestFirst = stores.descendingIterator();
        while (youngestFirst.hasNext()) {
            Store store = youngestFirst.next();
            if (store.handle() == handle && areSame(coordinates, store.arguments())) {
                return new Object[] {store.value()};
            }
        }
        return null;
    }

    private static boolean areSame(Object[] coordinates, List<@Nullable Object> arguments) {
        for (int i = 0; i < coordinates.length; i++) {
            boolean same = coordinates[i] instanceof Integer
                    ? coordinates[i].equals(arguments.get(i))
                    : coordinates[i] == arguments.get(i);
            if (!same) {
                return false;
            }
        }
        return true;
    }

    @Override
    public String toString() {
        return Arrays.toString(stores.stream().map(Store::access).toArray());
    }
}
