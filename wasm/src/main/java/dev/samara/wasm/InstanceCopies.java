// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import java.util.IdentityHashMap;

/**
 * Creates copies of an instance that was started, without a type of a runtime. A program is started and warmed up once,
 * and each copy continues from that state. A page is copied only when the instance or the copy writes it ({@link
 * LinearMemory#fork}). Programs use the subclass of their runtime, which knows what else the runtime keeps in an
 * instance.
 *
 * <p><b>What is copied.</b> {@link #build} copies the memories, including imported memories, the values of the
 * instance's own globals, and its own tables. In the tables, references to functions of the instance become references
 * to functions of the copy. The copy has the same dropped data and element segments. No start function runs.
 *
 * <p><b>What is not copied.</b> Functions, globals, tables and tags that the instance imports are shared with the copy,
 * unless other imports replace them. So a function of the host shares its state between the instance and the copy. For
 * example, the open files of WASI are open in both. References to objects of the guest, e.g. structures, arrays and
 * exceptions, cannot be copied. {@link #build} rejects an instance whose globals or tables contain such a reference.
 * Running calls are not copied. A copy contains only the state that an instance has between two calls.
 *
 * <p>The instance must not run, and its memories must not be used, on another thread during {@link #build}.
 *
 * @param <I> the runtime's class of instances
 */
public abstract class InstanceCopies<I> {
    /** For the subclass of a runtime. */
    protected InstanceCopies() {}

    /**
     * Creates a copy of the instance. Close its {@link LinearMemory memories} like other memories.
     *
     * @return a new instance with the current state of the original instance
     * @throws IllegalArgumentException if the instance has a memory of another class, or a value that cannot be copied
     */
    public final I build() {
        Forks forks = new Forks();
        boolean isMade = false;
        try {
            I copy = make(forks);
            isMade = true;
            return copy;
        } finally {
            forks.end(isMade);
        }
    }

    /**
     * Makes a copy. The forks are closed if this fails.
     *
     * @param forks makes the memories of the copy
     * @return the copy
     */
    protected abstract I make(Forks forks);

    /** The memories of one copy. Their instance does not write its active segments to them. */
    protected static final class Forks {
        private final IdentityHashMap<Object, LinearMemory> made = new IdentityHashMap<>();

        private Forks() {}

        /**
         * Returns the fork of a memory of the instance: one, even if the instance has the memory several times.
         *
         * @param <M> the runtime's class of memories
         * @param memory a memory of the instance
         * @param kind that class
         * @return the fork
         * @throws IllegalArgumentException if the memory has another class
         */
        public <M extends LinearMemory> M of(Object memory, Class<M> kind) {
            if (!kind.isInstance(memory)) {
                throw new IllegalArgumentException("cannot copy a memory of " + memory.getClass());
            }
            LinearMemory fork = made.get(memory);
            if (fork == null) {
                fork = kind.cast(memory).fork();
                made.put(memory, fork);
                fork.keep(true);
            }
            return kind.cast(fork);
        }

        private void end(boolean isMade) {
            for (LinearMemory fork : made.values()) {
                fork.keep(false);
                if (!isMade) {
                    fork.close();
                }
            }
        }
    }
}
