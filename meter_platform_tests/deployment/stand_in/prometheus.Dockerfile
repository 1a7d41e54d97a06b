# Stands for prom/prometheus and prom/alertmanager: Debian's programs, where the images have them.
FROM stand-in/forky
RUN ln -s /usr/bin/prometheus /usr/bin/prometheus-alertmanager /usr/bin/promtool /usr/bin/amtool /bin/ 2>/dev/null || true; \
  ln -sf /usr/bin/prometheus-alertmanager /bin/alertmanager \
  && install -d -o 65534 -g 65534 /prometheus /alertmanager /etc/prometheus /etc/alertmanager
USER 65534
