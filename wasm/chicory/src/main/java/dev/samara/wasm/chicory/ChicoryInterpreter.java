// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.InterpreterMachine;

/**
 * Chicory's interpreter, whose stacks a {@link ChicoryCheckpoint} empties. Chicory's own leaves operands of a call that
 * trapped on its stack, and frames of tail calls, in which the handlers of a later call can end. Forks
 * have this class, unless they are told to use another one; for another instance, pass the constructor to Chicory's
 * builder:
 *
 * <pre>{@code
 * Instance.builder(module).withMachineFactory(ChicoryInterpreter::new)
 * }</pre>
 */
public final class ChicoryInterpreter extends InterpreterMachine {
    /**
     * Creates the interpreter of an instance.
     *
     * @param instance the instance
     */
    public ChicoryInterpreter(Instance instance) {
        super(instance);
    }

    /** Empties the stacks. No call is in progress. */
    void clear() {
        callStack.clear();
        while (stack().size() > 0) {
            stack().pop();
        }
    }
}
