# Stands for python: Debian's Python. Packages are installed while the platform's image is built, through whatever authority
# this machine trusts.
FROM stand-in/trixie
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
