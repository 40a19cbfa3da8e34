// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Fails a test if the library logs a record or a thread ends with an exception during the test, unless the test takes
 * that incident ({@link Incidents#take}). An incident between two tests or after the last one, e.g. on a background
 * thread that is late, fails the class.
 *
 * <p>JUnit finds it as a service. It covers only this JVM, but all class loaders of the library.
 */
public final class IncidentCheck implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
    private static final Namespace NAMESPACE = Namespace.create(IncidentCheck.class);

    /** Called by JUnit. */
    public IncidentCheck() {}

    @Override
    public void beforeAll(ExtensionContext of) {
        // The store closes this value after the last class.
        AutoCloseable unused = of.getRoot()
                .getStore(NAMESPACE)
                .computeIfAbsent("incidents", any -> Incidents.collect(), AutoCloseable.class);
        Incidents.enter("before " + nameOf(of));
    }

    @Override
    public void beforeEach(ExtensionContext of) {
        Incidents.enter(nameOf(of));
    }

    @Override
    public void afterEach(ExtensionContext of) {
        String test = nameOf(of);
        Incidents.enter("after " + test);
        Incidents.refuse(each -> each.during().equals(test));
    }

    @Override
    public void afterAll(ExtensionContext of) {
        Incidents.enter("after " + nameOf(of));
        Incidents.refuse(any -> true);
    }

    /**
     * Returns the simple name of the test class; within a test method, also the method and the display name of the
     * invocation.
     */
    private static String nameOf(ExtensionContext of) {
        String type = of.getRequiredTestClass().getSimpleName();
        return of.getTestMethod()
                .map(method -> type + '.' + method.getName() + " (" + of.getDisplayName() + ')')
                .orElse(type);
    }
}
