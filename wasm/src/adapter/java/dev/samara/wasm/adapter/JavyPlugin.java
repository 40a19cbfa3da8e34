// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

/**
 * QuickJS as a module that is compiled ahead of time. Each runtime has a version of the library, with classes of the
 * same names, and the static checks see one of them. So the class is found by its name.
 */
public final class JavyPlugin {
    private static final String CLASS = "io.roastedroot.quickjs4j.core.JavyPluginModule";

    private JavyPlugin() {}

    /** Returns the module, an object of the runtime. */
    public static Object load() {
        try {
            return Class.forName(CLASS).getMethod("load").invoke(null);
        } catch (ReflectiveOperationException absent) {
            throw new LinkageError(CLASS, absent);
        }
    }

    /** Returns what executes an instance, an object of the runtime. */
    public static Object machine(Class<?> instanceType, Object instance) {
        try {
            return Class.forName(CLASS).getMethod("create", instanceType).invoke(null, instance);
        } catch (ReflectiveOperationException absent) {
            throw new LinkageError(CLASS, absent);
        }
    }
}
