// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Fails a test during which the library logs a record, or a thread ends with an exception, unless the test takes it
 * ({@link Incidents#take}). An incident between two tests, or after the last one, fails the class: a background thread
 * may be late.
 *
 * <p>JUnit finds it as a service. It sees this JVM alone, whichever class loader the library comes from.
 */
public final class IncidentCheck implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
    private static final Namespace NAMESPACE = Namespace.create(IncidentCheck.class);

    /** Makes the extension, for JUnit. */
    public IncidentCheck() {}

    @Override
    public void beforeAll(ExtensionContext of) {
        // The store closes it after the last class.
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

    /** The class, and below it the method and the invocation. */
    private static String nameOf(ExtensionContext of) {
        String type = of.getRequiredTestClass().getSimpleName();
        return of.getTestMethod()
                .map(method -> type + '.' + method.getName() + " (" + of.getDisplayName() + ')')
                .orElse(type);
    }
}
